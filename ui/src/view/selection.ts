/**
 * The selection and the address bar say the same.
 */

import { onScopeDispose, reactive, watch } from "vue";
import { formatLink, parseLink, type Selection } from "../model/link";

export function useSelection(): Selection {
  const selection = reactive(parseLink(location.hash));
  const follow = (): void => void Object.assign(selection, parseLink(location.hash));
  window.addEventListener("hashchange", follow);
  onScopeDispose(() => window.removeEventListener("hashchange", follow));
  watch(selection, () => {
    const link = formatLink(selection);
    if (link !== location.hash) history.replaceState(null, "", link);
  });
  return selection;
}
