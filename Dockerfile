# One image for the operator and its Jobs: `freshet operator`, `freshet ingest`, `freshet count`.
#
#   docker build -t freshet:0.1.0 .
#   docker build --build-arg BASE=registry.example.com/python:3.13-slim --build-arg NODE=registry.example.com/node:24-slim \
#       -t freshet:0.1.0 .
#
# BASE needs the same Python in both stages and a shell in the first only. The equipment for laptops (freshet.local) is left out by
# .dockerignore.
ARG BASE=python:3.13-slim
ARG NODE=node:24-slim

# The lineage page: packages by the hashes of the lock file, none of their install scripts run.
FROM ${NODE} AS page
WORKDIR /ui
COPY ui/package.json ui/package-lock.json ui/.npmrc ./
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --ignore-scripts
COPY ui/build.mjs ui/tsconfig.json ./
COPY ui/src ./src
RUN node build.mjs /ui/dist

FROM ${BASE} AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/freshet
COPY requirements.lock ./
# Wheels only and each by its hash: nothing is built, nothing unknown comes in. Compiled once all is there.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/freshet/bin/python install \
        --disable-pip-version-check --no-deps --no-compile --only-binary :all: --require-hashes -r requirements.lock
COPY operator/freshet /src/freshet
COPY --from=page /ui/dist /src/freshet/lineage_page/dist
COPY docs /src/freshet/manual/pages
# Python's own compiled files go along, since a read-only root file system could not keep them. unchecked-hash: no
# look at the source on import, and the same bytes whenever the image is built.
RUN site=$(/opt/freshet/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    && cp -r freshet "$site/freshet" \
    && printf '#!/opt/freshet/bin/python\nfrom freshet.cli import main\n\nmain()\n' > /opt/freshet/bin/freshet \
    && chmod 755 /opt/freshet/bin/freshet \
    && rm -rf "$site"/pyarrow/include "$site"/pyarrow/tests "$site"/pyarrow/src "$site"/pandas/tests \
    && /opt/freshet/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash "$site" \
    && /opt/freshet/bin/freshet --version

FROM ${BASE}
LABEL org.opencontainers.image.title="freshet" \
      org.opencontainers.image.description="Keeps data assets fresh on Kubernetes" \
      org.opencontainers.image.source="https://freshet.dev" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/freshet /opt/freshet
# /tmp is the only place that is written to (an emptyDir in the manifests). There is no entry for the user in
# /etc/passwd, and none is needed: HOME and USER say what libraries ask for.
ENV PATH=/opt/freshet/bin:$PATH \
    HOME=/tmp \
    USER=freshet \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RUNTIME__DLTHUB_TELEMETRY=false
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["freshet"]
CMD ["operator"]
