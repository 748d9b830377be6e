# The service on one machine in one container, with stores of its own: `docker compose` builds it
# (infra/local/compose.yaml, docs/one-machine.md). What is installed is locked with its hashes.
ARG BASE=python:3.13-slim

FROM ${BASE}
# PostgreSQL asks for the name of its user.
RUN echo 'quiz-sessions:x:10001:10001::/var/lib/quiz-sessions:/bin/false' >> /etc/passwd \
 && echo 'quiz-sessions:x:10001:' >> /etc/group \
 && mkdir -m 0700 -p /var/lib/quiz-sessions /var/backups/quiz-sessions \
 && chown 10001:10001 /var/lib/quiz-sessions /var/backups/quiz-sessions
WORKDIR /opt/quiz-sessions
COPY infra/container/requirements-machine.txt ./
RUN python -m venv .venv \
 && .venv/bin/pip install --quiet --no-cache-dir --require-hashes --only-binary :all: -r requirements-machine.txt
COPY pyproject.toml README.md ./
COPY layers layers
COPY functions functions
COPY infra infra
COPY clients clients
# The container can't write, so it can't compile either.
RUN .venv/bin/pip install --quiet --no-deps --no-build-isolation -e . \
 && .venv/bin/python -m compileall -q layers functions infra
ENV PATH=/opt/quiz-sessions/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORT=8002
USER 10001:10001
WORKDIR /var/lib/quiz-sessions
VOLUME ["/var/lib/quiz-sessions", "/var/backups/quiz-sessions"]
EXPOSE 8002
STOPSIGNAL SIGTERM
# Whether the process answers: a new one would find its stores as they are.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=2)"]
CMD ["quiz-sessions", "serve", "--data", "/var/lib/quiz-sessions", "--host", "0.0.0.0"]
