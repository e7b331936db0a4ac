/** Starts what the page needs. Every module looks for its own marks in the page and does nothing where there are none. */
import { startJobs } from "./jobs.js";
import { startLive } from "./live.js";
import { startMedia } from "./media.js";
import { startNames } from "./names.js";
import { startSmallThings } from "./small.js";
import { startUploads } from "./upload.js";

startSmallThings();
startNames();
startMedia();
startUploads();
startJobs();
startLive();
