# Two stages: the packages are installed where npm is, and run where nothing but Node is needed.
FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json gateway.yaml.example ./
COPY bin bin
COPY src src
COPY config config
# The image runs with a read-only root; everything that changes is under /data.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8402
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "bin/healthcheck.js"]
ENTRYPOINT ["node", "bin/turnpike.js"]
CMD ["serve", "--config", "/config/gateway.yaml", "--data", "/data"]
