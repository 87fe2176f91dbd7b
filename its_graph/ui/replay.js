/** Replay controls: a slider over the events of a search, and a button that plays them. */

import { h } from "./dom.js";

const MAX_DURATION_MS = 12000;
const EVENT_MS = 60;

export class Replay {
  /** @param onSeek called when the cursor of `recording` has moved */
  constructor(recording, onSeek) {
    Object.assign(this, { recording, onSeek, playing: false });
    this.button = h("button.small.play", { type: "button", onclick: () => this.togglePlay() });
    const oninput = () => this.#onSlide();
    this.slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Replay position", oninput });
    this.label = h("span.figure.muted");
    this.element = h("div.replay", {}, this.button, this.slider, this.label);
    this.show();
  }

  show() {
    const { cursor, events } = this.recording;
    this.slider.max = events.length;
    this.slider.value = cursor;
    this.slider.setAttribute("aria-valuetext", `event ${cursor} of ${events.length}`);
    this.label.textContent = `${cursor} / ${events.length}`;
    this.button.textContent = this.playing ? "Pause" : "Play";
    this.button.disabled = events.length === 0;
  }

  /** Play from the cursor, or from the start if it is at the end; or pause. */
  togglePlay() {
    this.playing = !this.playing;
    if (this.playing) {
      if (this.recording.atEnd) this.#seek(0);
      this.#play(this.recording.cursor, performance.now());
    }
    this.show();
  }

  #play(startCursor, startTime) {
    requestAnimationFrame((now) => {
      if (!this.playing) return;
      const { events, cursor } = this.recording;
      const eventMs = Math.min(EVENT_MS, MAX_DURATION_MS / events.length);
      const target = Math.min(events.length, startCursor + Math.floor(Math.max(0, now - startTime) / eventMs));
      if (target > cursor) this.#seek(target);
      if (this.recording.atEnd) this.playing = false;
      else this.#play(startCursor, startTime);
      this.show();
    });
  }

  #onSlide() {
    this.playing = false;
    this.#seek(Number(this.slider.value));
  }

  #seek(count) {
    this.recording.seek(count);
    this.onSeek();
  }
}
