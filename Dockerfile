# The operator's image: Python, the locked run-time packages, and the package itself. Nothing else; no shell is needed at run time.
# Build it from the checkout: docker build --tag registry.example.com/fiddler-kong-operator:0.1.0 .
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /source
RUN python -m venv /opt/operator /opt/build
COPY requirements requirements
RUN /opt/operator/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements/runtime.txt \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/operator/bin/pip install --no-cache-dir --no-deps /wheel/*.whl \
 && /opt/operator/bin/python -m compileall -q /opt/operator/lib

FROM python:${PYTHON}-slim
COPY --from=build /opt/operator /opt/operator
# The same ids as in the chart and the manifests; the Pod Security level `restricted` wants a number.
USER 65532:65532
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# glibc gives memory back after lists and bursts: 10 to 18 MiB less at 1,000 bindings (docs/benchmarks.md).
ENV MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072
ENTRYPOINT ["/opt/operator/bin/fiddler-kong"]
CMD ["run"]
