# The edge: camera frames in, detections out to the camera's log. It holds no key and reaches no database.
# Context: the root of the repository. The first stage is the same in all three files, so it is built once.
FROM python:3.11-slim AS build
RUN python -m venv --without-pip /opt/aforo
WORKDIR /src
COPY requirements.lock .
RUN pip --python /opt/aforo/bin/python install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
RUN pip --python /opt/aforo/bin/python install --no-cache-dir --no-deps .

FROM python:3.11-slim
RUN groupadd --gid 10001 aforo \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin aforo
COPY --from=build /opt/aforo /opt/aforo
ENV PATH=/opt/aforo/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    AFORO_LOG__FORMAT=json \
    AFORO_PROCESS__METRICS_PORT=9464
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "infra.docker.probe", "9464", "/metrics"]
ENTRYPOINT ["aforo"]
CMD ["edge"]
