# One image for web page, worker and scheduler; docker-compose.yml says which of them a container is.
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/
RUN /opt/venv/bin/pip install -r /tmp/requirements.txt

FROM python:3.12-slim
RUN useradd --uid 1000 --create-home faaaaaces && install -d -o faaaaaces -g faaaaaces /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/faaaaaces
COPY app app
COPY migrations migrations
COPY run.py celery_worker.py gunicorn.conf.py ./
# APP_PASSWORD has no default: without it, the settings refuse HOST=0.0.0.0 with a sentence that says so.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FAAAAACES_DATA=/data DEEPFACE_HOME=/data HOST=0.0.0.0 PORT=5000
USER faaaaaces
VOLUME /data
EXPOSE 5000
CMD ["python", "run.py"]
