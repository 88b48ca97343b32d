/**
 * Keeps the running task alive while the page watches it.
 */

import { computed, onScopeDispose, ref, watch, type Ref } from "vue";
import { adviceOf, ask } from "../api/graphql";
import { keepTask } from "../api/network";
import { runningTask } from "../model/task";
import { serverNow, type Live } from "./live";

const KEEP_MS = 60_000;

export interface Keeping {
  isOn: Ref<boolean>;
  /** Why the backend would not keep the task; empty: it does. */
  refusal: Ref<string>;
}

export function useKeeping(live: Live): Keeping {
  const isOn = ref(true);
  const refusal = ref("");
  let refused = "";
  const taskId = computed(() => runningTask(live.tasks, serverNow(live))?.taskId ?? "");

  const keep = async (): Promise<void> => {
    const id = taskId.value;
    if (!isOn.value || id === "" || id === refused) return;
    try {
      const { status, errorReason } = await keepTask(ask, id);
      refused = status ? "" : id;
      refusal.value = status ? "" : (errorReason ?? "The backend gives no reason.");
    } catch (error) {
      refusal.value = adviceOf(error).title;
    }
  };
  const timer = window.setInterval(keep, KEEP_MS);
  onScopeDispose(() => window.clearInterval(timer));
  watch([taskId, isOn], () => {
    refusal.value = "";
    void keep();
  });
  return { isOn, refusal };
}
