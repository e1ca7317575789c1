# syntax=docker/dockerfile:1
# One image, built from a clean checkout: docker build -t leyden .

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends build-essential \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin leyden \
 && install -D target/release/leyden /out/leyden

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/leyden --create-home --shell /usr/sbin/nologin leyden
COPY --from=build /out/leyden /usr/local/bin/leyden
USER leyden
# The books live in data/ below it: mount a volume here.
WORKDIR /var/lib/leyden
RUN mkdir data
VOLUME /var/lib/leyden/data
EXPOSE 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 CMD ["leyden", "healthcheck"]
ENTRYPOINT ["leyden"]
CMD ["serve"]
