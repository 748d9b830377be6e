# The service on one machine in one container, with stores of its own (docs/one-machine.md, infra/local/compose.yaml).
# `make machine-container` builds it: it installs the locked packages into the build's context, so that nothing is
# fetched while this runs.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
COPY . /opt/quiz-sessions
# PostgreSQL asks for the name of its user. The container can't write where the code is, so it can't compile either.
RUN ["python", "-c", "\
from compileall import compile_dir; from pathlib import Path; import os; \
Path('/etc/passwd').open('a').write('quiz-sessions:x:10001:10001::/var/lib/quiz-sessions:/bin/false\\n'); \
Path('/etc/group').open('a').write('quiz-sessions:x:10001:\\n'); \
program = Path('/opt/quiz-sessions/bin/quiz-sessions'); program.parent.mkdir(); \
program.write_text('#!/bin/sh\\nexec python -m one_machine \\\"$@\\\"\\n'); program.chmod(0o755); \
folders = [Path('/var', part, 'quiz-sessions') for part in ('lib', 'backups')]; \
[(folder.mkdir(0o700, parents=True), os.chown(folder, 10001, 10001)) for folder in folders]; \
compile_dir('/opt/quiz-sessions', quiet=1)"]

FROM ${BASE}
COPY --from=build /etc/passwd /etc/group /etc/
COPY --from=build /opt/quiz-sessions /opt/quiz-sessions
COPY --from=build --chown=10001:10001 /var/lib/quiz-sessions /var/lib/quiz-sessions
COPY --from=build --chown=10001:10001 /var/backups/quiz-sessions /var/backups/quiz-sessions
ENV PYTHONPATH=/opt/quiz-sessions/packages:/opt/quiz-sessions/layers/quiz_sessions:/opt/quiz-sessions/functions:/opt/quiz-sessions/infra/local \
    PATH=/opt/quiz-sessions/bin:/usr/local/bin:/var/lang/bin:/usr/bin:/bin \
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
