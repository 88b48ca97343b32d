import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

/** The backend serves what this build leaves in its package folder. */
export default defineConfig({
  base: "./",
  plugins: [vue()],
  build: {
    outDir: "../src/podwire/app/page",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
});
