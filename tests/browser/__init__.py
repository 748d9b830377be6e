"""Chromium shows pages of other origins, whose scripts call the service."""
