import { createApp } from "vue";
import App from "./view/App.vue";
import "./style.css";

createApp(App).mount("#app");
