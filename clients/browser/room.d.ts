export function watchQuiz(options: RoomOptions): Room;
import type { RoomOptions } from "./types.js";
import type { Room } from "./types.js";
