// Configuration of the test of the recipes: the browser of the machine.
import { defineConfig } from "@playwright/test";

const launchOptions = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] };
export default defineConfig({ testDir: "playwright", workers: 2, fullyParallel: true, use: { launchOptions } });
