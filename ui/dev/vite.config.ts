import vue from "@vitejs/plugin-vue";
import { defineConfig, type Plugin } from "vite";
import { answer } from "./fake";

/** A stand-in for the backend while the page is worked on; nothing of it is built or shipped. */
const fakeBackend: Plugin = {
  name: "fake-backend",
  configureServer(server) {
    server.middlewares.use("/graphql", (request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify(answer(JSON.parse(body))));
      });
    });
  },
};

/** With BACKEND=http://127.0.0.1:12800 the page talks to a real one instead. */
const backend = process.env.BACKEND;

export default defineConfig({
  plugins: backend ? [vue()] : [vue(), fakeBackend],
  server: {
    port: 5173,
    ...(backend && { proxy: { "/graphql": backend } }),
  },
});
