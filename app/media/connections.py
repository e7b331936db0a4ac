"""urllib3 connections that are opened through a :class:`~app.media.addresses.Guard`."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from app.media.addresses import Guard


class _Guarded(HTTPConnection):
    """A connection whose socket comes from a guard. TLS is laid over it by urllib3, checked against the name."""

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def connect(self) -> None:
        """Connects, and has the connection broken off when the time for the download is up."""
        self._spare: socket.socket | None = None
        try:
            super().connect()
        finally:
            if self._spare is not None:
                self._spare.close()
        if self.sock is not None:
            self._guard.watch(self.sock)

    def _new_conn(self) -> socket.socket:
        try:
            connection = self._guard.connect(self.host, self.port or self.default_port, _seconds(self.timeout))
            # While TLS begins, the socket passes from one object to another; a second handle can end it all the time.
            self._spare = connection.dup()
            self._guard.watch(self._spare)
            return connection
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no answer in time") from error
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTls


class GuardedPoolManager(PoolManager):
    """Connections for one download.

    Args:
        guard: Opens and watches them.
        settings: As for urllib3's own.
    """

    def __init__(self, guard: Guard, **settings: Any) -> None:
        super().__init__(**settings)
        self._guard = guard
        self.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        pool.conn_kw["guard"] = self._guard
        return pool


def tls_context() -> ssl.SSLContext:
    """Settings that check a server's certificate and name against the well-known authorities."""
    return ssl.create_default_context(cafile=certifi.where())


def _seconds(timeout: object) -> float | None:
    return float(timeout) if isinstance(timeout, int | float) else None
