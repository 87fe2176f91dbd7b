/** Goes back and forth in the events of a search: a slider, and a button that plays them. */

import { h } from "./dom.js";

const LONGEST_MS = 12000;
const EVENT_MS = 60;

export class Replay {
  /** @param onSeek called when another moment of `recording` is to be shown */
  constructor(recording, onSeek) {
    Object.assign(this, { recording, onSeek, playing: false });
    this.button = h("button.small.play", { type: "button", onclick: () => this.toggle() });
    const oninput = () => this.#seek();
    this.slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Moment of the search", oninput });
    this.label = h("span.figure.soft");
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

  /** Play from here, or from the start where there is nothing behind; or pause. */
  toggle() {
    this.playing = !this.playing;
    if (this.playing) {
      if (this.recording.atEnd) this.#go(0);
      this.#play(this.recording.cursor, performance.now());
    }
    this.show();
  }

  #play(from, began) {
    requestAnimationFrame((now) => {
      if (!this.playing) return;
      const { events, cursor } = this.recording;
      const pace = Math.min(EVENT_MS, LONGEST_MS / events.length);
      const target = Math.min(events.length, from + Math.floor(Math.max(0, now - began) / pace));
      if (target > cursor) this.#go(target);
      if (this.recording.atEnd) this.playing = false;
      else this.#play(from, began);
      this.show();
    });
  }

  #seek() {
    this.playing = false;
    this.#go(Number(this.slider.value));
  }

  #go(count) {
    this.recording.seek(count);
    this.onSeek();
  }
}
