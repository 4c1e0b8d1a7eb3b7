# Two stages: the first compiles what comes as source, the second runs it and has no compiler and no installer.

# A release names the base image by its digest, so that it is the same for ever (docs/how-to/run-in-a-container.md#images-by-digest):
#   docker build --build-arg BASE=python:3.12-slim@sha256:DIGEST .
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
# The compiler's version is the base image's own.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY demo demo
COPY engine engine
COPY protos protos
COPY rules rules
RUN pip wheel --constraint constraints.txt --wheel-dir /wheels '.[certificates,http,postgres,otlp]'
# What is installed is what was built: the wheels carry the versions of constraints.txt.
# hadolint ignore=DL3013
RUN python -m venv --without-pip /opt/tact \
    && pip --python /opt/tact/bin/python install --no-index --find-links /wheels 'tact[certificates,http,postgres,otlp]' \
    && mkdir /data
# What is installed, by name and version: read from there, not from what was asked for.
# hadolint ignore=DL3013
RUN pip install --constraint constraints.txt cyclonedx-bom \
    && cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file /opt/tact/sbom.cdx.json /opt/tact/bin/python

FROM ${BASE}
COPY --from=build /opt/tact /opt/tact
COPY --from=build --chown=10001:10001 /data /data
# Docker kills a container 10 s after it told it to stop; the server has to be done before.
ENV PATH=/opt/tact/bin:$PATH PYTHONUNBUFFERED=1 TACT_GRACE=8
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 50051
# The probe is a program of its own with a second of start-up, so it does not come often.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["tact", "health"]
ENTRYPOINT ["tact"]
# The book is mounted, or copied by an image built on this one, at /rules.
# Beyond loopback the server wants TLS and a file of callers, or to be told that neither is needed: TACT_TLS_CERT, TACT_TLS_KEY and
# TACT_CALLERS, or TACT_INSECURE=true and TACT_ANYONE=true where nothing but trusted programs reaches the port.
CMD ["serve", "--host", "0.0.0.0", "--port", "50051", "--rules", "/rules", "--log", "sqlite:////data/tact.db", "--json"]
