"""Following faces through a video: what is seen, how it moves, how it looks, and which face is whose next one."""
