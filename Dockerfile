# syntax=docker/dockerfile:1

# What the program needs to run. The full image has the compilers that better-sqlite3-12 falls back to where there is no
# binary for the platform.
FROM node:20-bookworm AS dependencies
WORKDIR /app
COPY .npmrc package.json package-lock.json ./
# Native addons are built, and nothing else runs a script. SQLite's sources are not needed after that.
RUN npm ci --omit=dev --workspaces=false --ignore-scripts \
  && npm rebuild better-sqlite3-12 \
  && cp node_modules/better-sqlite3-12/build/Release/better_sqlite3.node /tmp/ \
  && rm -rf node_modules/better-sqlite3-12/build node_modules/better-sqlite3-12/deps node_modules/better-sqlite3-12/src \
  && mkdir -p node_modules/better-sqlite3-12/build/Release \
  && mv /tmp/better_sqlite3.node node_modules/better-sqlite3-12/build/Release/

FROM node:20-bookworm AS build
WORKDIR /app
COPY .npmrc package.json package-lock.json ./
COPY test/oracle/libraries/package.json test/oracle/libraries/
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY bundle bundle
COPY kernels kernels
COPY src src
RUN npm run build

FROM node:20-bookworm-slim
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY migrations migrations
COPY LICENSE package.json ./
# /state takes jobs, bookmarks and logs. Whoever the container runs as may write there.
RUN chmod 755 dist/cli/main.js \
  && ln -s /app/dist/cli/main.js /usr/local/bin/mibera \
  && install -d -m 1777 /state /models
# The default state directory is then /state/mibera, for `docker exec` too.
ENV NODE_ENV=production XDG_DATA_HOME=/state MIBERA_WATCH=/models
VOLUME /state
USER node
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s --retries=3 CMD ["mibera", "daemon", "status", "--quiet"]
ENTRYPOINT ["mibera"]
CMD ["daemon", "start", "--foreground"]
