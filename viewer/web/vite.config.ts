import { defineConfig } from "vite";

// The API of a running `twin up` or `twin demo`, for `npm run dev`.
const API = "http://127.0.0.1:8000";
const DOORS = [
  "/city",
  "/codes",
  "/models",
  "/jobs",
  "/objects",
  "/state",
  "/stream",
  "/tiles",
  "/devices",
  "/observations",
];

export default defineConfig({
  base: "./",
  build: { outDir: "../dist", emptyOutDir: true, chunkSizeWarningLimit: 900, target: "es2022" },
  server: { proxy: Object.fromEntries(DOORS.map((door) => [door, API])) },
});
