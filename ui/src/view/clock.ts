/** The server's time, once a second. */

import { onScopeDispose, ref, type Ref } from "vue";
import { serverNow, type Live } from "./live";

export function useClock(live: Live): Ref<number> {
  const nowMs = ref(serverNow(live));
  const timer = window.setInterval(() => (nowMs.value = serverNow(live)), 1_000);
  onScopeDispose(() => window.clearInterval(timer));
  return nowMs;
}
