"""The image that `sam local` runs functions in, for hosts that can't pull Lambda's own: a stand-in."""

from .image import HOW_TO_INSTALL, LAMBDA_PYTHON, Image, ImageError, docker_answers, obtain, remove_stand_in

__all__ = [
    "HOW_TO_INSTALL",
    "LAMBDA_PYTHON",
    "Image",
    "ImageError",
    "docker_answers",
    "obtain",
    "remove_stand_in",
]
