# The operator's image: Python, the locked run-time packages, and the package itself. Nothing else; no shell is needed at run time.
# `make image` builds it with podman. With another engine: docker build --tag registry.example.com/fiddler-kong-operator:0.1.0 .
#
# BASE should be named by its digest. It needs Python 3.11 or later and certificates; BUILD_BASE also needs venv and a shell, and the
# same Python at the same path. A package index of your own, and its certificate, come as the secrets `pip` (a pip.conf) and `ca`:
# they are in no layer.
ARG BASE=python:3.13-slim
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
WORKDIR /source
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/operator
COPY requirements requirements
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements/build.txt \
 && /opt/build/bin/pip --python /opt/operator/bin/python install --no-cache-dir --no-compile --require-hashes --only-binary :all: \
      --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# Bytecode that is never checked against its source: the root is read-only, and times do not matter.
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-index --no-build-isolation --wheel-dir /wheel . \
 && /opt/build/bin/pip --python /opt/operator/bin/python install --no-cache-dir --no-compile --no-deps --no-index /wheel/*.whl \
 && /opt/operator/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/operator/lib

FROM ${BASE}
ARG BASE_NAME=
ARG BASE_DIGEST=
ARG CREATED=
ARG REVISION=
ARG SOURCE=
ARG VERSION=
LABEL org.opencontainers.image.title="fiddler-kong-operator" \
      org.opencontainers.image.description="Connects Kong AI Gateway to Fiddler: one resource, a verified path for LLM traces." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE_NAME}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}"
COPY --from=build /opt/operator /opt/operator
# The same ids as in the chart and the manifests; the Pod Security level `restricted` wants a number.
USER 65532:65532
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# glibc gives memory back after lists and bursts: 10 to 18 MiB less at 1,000 bindings (docs/benchmarks.md).
ENV MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072
ENTRYPOINT ["/opt/operator/bin/fiddler-kong"]
CMD ["run"]
