# syntax=docker/dockerfile:1
# One image, built from a clean checkout: docker build -t leyden .

FROM rust:1.95-slim-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends build-essential \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The registry and what was compiled stay in the builder's cache: a change of ours compiles no dependency again. The
# binary leaves it by `install`, because a cache is no part of an image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin leyden \
 && install -D --mode=0755 target/release/leyden /out/leyden

FROM debian:bookworm-slim
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="leyden" \
      org.opencontainers.image.description="Sells the energy of staked TRX: pay, get it within seconds, exactly once." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A user of its own, without a shell. Its number is fixed so that files of the host can be made readable for it.
RUN useradd --system --uid 10001 --home-dir /var/lib/leyden --create-home --shell /usr/sbin/nologin leyden
COPY --from=build /out/leyden /usr/local/bin/leyden
COPY config/leyden.toml config/production.toml /usr/share/doc/leyden/
USER 10001
# With SQLite the books live in data/ below it: mount a volume here. With PostgreSQL nothing is written.
WORKDIR /var/lib/leyden
RUN mkdir data
VOLUME /var/lib/leyden/data
EXPOSE 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s --retries=3 CMD ["leyden", "healthcheck"]
ENTRYPOINT ["leyden"]
CMD ["serve"]
