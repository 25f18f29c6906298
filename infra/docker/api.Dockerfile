# The API: GraphQL, subscriptions and REST.
# Context: the root of the repository. The first stage is the same in all three files, so it is built once.
FROM python:3.11-slim AS build
RUN python -m venv --without-pip /opt/aforo
WORKDIR /src
COPY requirements.lock .
RUN pip --python /opt/aforo/bin/python install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
RUN pip --python /opt/aforo/bin/python install --no-cache-dir --no-deps .

FROM build AS pruned
# The API neither sees images nor folds: without those libraries, and without the GPL codecs in one of them
# (docs/licences.md).
RUN pip --python /opt/aforo/bin/python uninstall --yes av numpy onnxruntime opencv-python-headless scipy

FROM python:3.11-slim
# A volume mounted on the keys takes their folder's owner from here.
RUN groupadd --gid 10001 aforo \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin aforo \
    && install --directory --owner=aforo --group=aforo --mode=0700 /var/lib/aforo/keys
COPY --from=pruned /opt/aforo /opt/aforo
# The rule takes the paths of keys for keys.
# hadolint ignore=DL3064
ENV PATH=/opt/aforo/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    AFORO_LOG__FORMAT=json \
    AFORO_SIGNING__PRIVATE_KEY=/var/lib/aforo/keys/signing.pem \
    AFORO_SIGNING__TRUSTED_KEYS=/var/lib/aforo/keys/trusted \
    AFORO_API__HOST=0.0.0.0 \
    AFORO_API__PORT=8080
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "infra.docker.probe", "8080", "/readyz"]
ENTRYPOINT ["aforo"]
CMD ["api"]
