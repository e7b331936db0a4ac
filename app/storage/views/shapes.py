"""What the read-only queries return. Times are seconds of the video; keys are blob keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain import BoundingBox, JobKind, JobState, MediaKind, QueueName, Sampling, VideoOrigin


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it stands.

    Attributes:
        id: Its id.
        kind: What it does.
        state: Where it is in its life.
        step: What it does at the moment, such as ``looking``.
        video_id: The video it works on, if any.
        video_title: Title of that video.
        done: Frames looked at, or bytes downloaded.
        total: Of how many, where known.
        faces_found: Faces so far.
        speed: Units of ``done`` per second, lately.
        seconds_left: Estimate, where known.
        error_code: Machine-readable reason of a failure.
        error: The same for people.
        note: A remark on a success.
        attempts: How often it was started.
        interval: Seconds between sampled frames that were asked for, where they were.
        created_at: When it was filed.
        started_at: When a worker took it.
        updated_at: Last change.
        finished_at: When it ended.
        queue: Where it waits, or waited.
        priority: Larger first.
        batch_id: What it was handed in with, if anything.
        parent_id: The job that it is a part of, if any.
        next_try_at: Not before this moment, after a failure that may pass.
        interruptions: How often it was cut off since its last checkpoint.
        next_sample: Its checkpoint; above 0 a new attempt goes on instead of beginning anew.
        size_bytes: Size of the video's file, once it is there.
    """

    id: str
    kind: JobKind
    state: JobState
    step: str
    video_id: int | None
    video_title: str | None
    done: float
    total: float | None
    faces_found: int
    speed: float | None
    seconds_left: float | None
    error_code: str | None
    error: str | None
    note: str | None
    attempts: int
    interval: float | None
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    finished_at: datetime | None
    queue: QueueName
    priority: int
    batch_id: str | None
    parent_id: str | None
    next_try_at: datetime | None
    interruptions: int
    next_sample: int
    size_bytes: int | None

    @property
    def progress(self) -> float | None:
        """0..1, or ``None`` where the end is not known."""
        if self.state is JobState.SUCCEEDED:
            return 1.0
        if not self.total:
            return None
        return min(max(self.done / self.total, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a job's log.

    Attributes:
        id: Grows from line to line.
        at: When.
        level: ``info``, ``warning`` or ``error``.
        message: A sentence.
    """

    id: int
    at: datetime
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Parts:
    """The segments that a job was cut into.

    Attributes:
        total: How many there are.
        counts: How many are in which state; only states that occur.
    """

    total: int
    counts: dict[JobState, int]

    @property
    def done(self) -> int:
        """How many succeeded."""
        return self.counts.get(JobState.SUCCEEDED, 0)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """Jobs that were handed in together, as a sum.

    Attributes:
        id: Its id.
        title: Name for people.
        counts: How many of its jobs are in each state.
        progress: 0..1: the mean of its jobs, those that ended counting as 1; 0 for an empty one.
        faces_found: Faces in all of its jobs.
        created_at: When it was handed in.
        updated_at: Last change of any of its jobs.
    """

    id: str
    title: str
    counts: dict[JobState, int]
    progress: float
    faces_found: int
    created_at: datetime
    updated_at: datetime

    @property
    def total(self) -> int:
        """How many jobs it has."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        """How many of them have not ended."""
        return sum(count for state, count in self.counts.items() if not state.is_final)

    @property
    def state(self) -> JobState:
        """The sum of its jobs' states: what still happens counts before what ended, and what failed before what did not."""
        order = (JobState.RUNNING, JobState.QUEUED, JobState.PAUSED, JobState.FAILED, JobState.CANCELLED)
        return next((state for state in order if self.counts.get(state)), JobState.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue.

    Attributes:
        name: Its name.
        paused: Whether a person stopped it; what runs goes on.
        concurrency: How many of its jobs run at the same time; ``None``: as many as there are workers.
        is_default: Whether that is what the settings say.
        running: Jobs that run.
        waiting: Jobs that wait.
    """

    name: QueueName
    paused: bool
    concurrency: int | None
    is_default: bool
    running: int
    waiting: int


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video with what a card shows of it.

    Attributes:
        id: Its id.
        title: Name for people.
        file_name: Name of the file it came as.
        origin: Where it came from.
        source_url: Address it was fetched from, if any.
        media_kind: Moving pictures or stills.
        blob_key: Key of the file, ``None`` until it has arrived, and for one that is used where it lies.
        in_place: Whether the file is used where it lies.
        thumbnail_key: Key of its picture, where there is one.
        size_bytes: Size of the file.
        duration: Length.
        width: Pixels, displayed.
        height: Pixels, displayed.
        frame_rate: Frames per second.
        codec: FFmpeg's short name.
        interval: Seconds between sampled frames of the last finished run.
        sampling: Which frames that run looked at.
        frames_sampled: Frames looked at.
        warning: A remark about the file.
        sha256: Hexadecimal digest of the file.
        created_at: When it was added.
        processed_at: When it was last finished.
        face_count: Faces found in it.
        people_count: People seen in it.
        covers: Crop keys of its most seen people, at most three.
        job: Its latest job.
    """

    id: int
    title: str
    file_name: str
    origin: VideoOrigin
    source_url: str | None
    media_kind: MediaKind
    blob_key: str | None
    in_place: bool
    thumbnail_key: str | None
    size_bytes: int | None
    duration: float | None
    width: int | None
    height: int | None
    frame_rate: float | None
    codec: str | None
    interval: float | None
    sampling: Sampling | None
    frames_sampled: int
    warning: str | None
    sha256: str | None
    created_at: datetime
    processed_at: datetime | None
    face_count: int = 0
    people_count: int = 0
    covers: tuple[str, ...] = ()
    job: JobRow | None = None

    @property
    def is_stills(self) -> bool:
        """True for a set of pictures, which has no time."""
        return self.media_kind is MediaKind.PICTURES

    @property
    def is_playable(self) -> bool:
        """True for a video whose file is at hand."""
        return not self.is_stills and (self.blob_key is not None or self.in_place)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person with what a card shows of them.

    Attributes:
        id: Its id.
        name: Given name, ``None`` while unnamed.
        cover_key: Crop key of the best face.
        face_count: Faces.
        video_count: Videos.
        seconds: Time on screen.
        created_at: When the person was first found.
        updated_at: Last change.
        aliases: Other names.
        notes: Free text.
        birth_date: ``1980-12-31``.
        hidden: Left out of lists.
        ignored: A stranger: never shown, never asked about.
        favourite: Among the favourites.
        cover_face_id: The face whose picture is shown.
        cover_chosen: Whether a user chose it.
        revision: How often the person was changed.
    """

    id: int
    name: str | None
    cover_key: str | None
    face_count: int
    video_count: int
    seconds: float
    created_at: datetime
    updated_at: datetime
    aliases: tuple[str, ...] = ()
    notes: str | None = None
    birth_date: str | None = None
    hidden: bool = False
    ignored: bool = False
    favourite: bool = False
    cover_face_id: int | None = None
    cover_chosen: bool = False
    revision: int = 1

    @property
    def is_listed(self) -> bool:
        """False for people who are left out of lists."""
        return not (self.hidden or self.ignored)

    @property
    def label(self) -> str:
        """The name, or a stand-in that tells unnamed people apart."""
        return self.name or f"Person {self.id}"


@dataclass(frozen=True, slots=True)
class TrackRow:
    """One face followed through a video, with its best picture.

    Attributes:
        id: Its id.
        video_id: The video.
        person_id: Whose it is, ``None`` while unknown.
        start: First face.
        end: Last face.
        face_count: Faces in it.
        quality: 0..1.
        usable: Whether it is good enough to say who it is.
        crop_key: Picture of its best face.
        best_timestamp: Moment of its best face.
    """

    id: int
    video_id: int
    person_id: int | None
    start: float
    end: float
    face_count: int
    quality: float
    usable: bool
    crop_key: str | None
    best_timestamp: float | None


@dataclass(frozen=True, slots=True)
class FaceRow:
    """One face.

    Attributes:
        id: Its id.
        video_id: The video.
        track_id: The track, once linked.
        person_id: Whose it is, once known.
        timestamp: Moment.
        box: Where in the frame, pixels of the source.
        confidence: 0..1.
        quality: 0..1.
        reasons: Why it is too poor to decide who is who; empty when it is not.
        crop_key: Its picture.
    """

    id: int
    video_id: int
    track_id: int | None
    person_id: int | None
    timestamp: float
    box: BoundingBox
    confidence: float
    quality: float
    reasons: tuple[str, ...]
    crop_key: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What the library holds.

    Attributes:
        videos: Videos.
        seconds: Length of all of them.
        size_bytes: Size of all files.
        faces: Faces.
        people: People.
        named: People who have a name.
        active_jobs: Jobs that wait or run.
    """

    videos: int
    seconds: float
    size_bytes: int
    faces: int
    people: int
    named: int
    active_jobs: int


@dataclass(frozen=True, slots=True)
class LibraryMark:
    """Differs from an earlier one when people or the list of videos changed in between.

    Attributes:
        videos: Videos.
        newest_video: Highest id of a video, 0 where there is none.
        people: People.
        people_changed: Last change of any person.
    """

    videos: int
    newest_video: int
    people: int
    people_changed: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a long list is wanted.

    Attributes:
        number: From 1.
        size: Items per page.
    """

    number: int = 1
    size: int = 48

    @property
    def offset(self) -> int:
        """Items before this page."""
        return (self.number - 1) * self.size
