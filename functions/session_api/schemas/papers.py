"""Papers: what a session asks."""

from __future__ import annotations

from quiz_sessions.services.papers import SessionPaper

from .common import reply


@reply
class PaperReply(SessionPaper):
    """What a session asks: its own, as it was drawn at its start."""
