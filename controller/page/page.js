/* SPDX-License-Identifier: Apache-2.0 */
/* The page without this file is whole; with it, it changes by itself and tells times as ages. */
"use strict";
(function () {
	const live = document.getElementById("live");
	const said = document.getElementById("said");
	let last = Date.now();
	let source = null;
	let at = document.body.dataset.at;
	let tries = 0;

	function age(ms) {
		const s = Math.max(0, Math.floor(ms / 1000));
		/* As the command line: barewire unit list. */
		if (s < 120) return s + "s";
		if (s < 7200) return Math.floor(s / 60) + "m";
		if (s < 172800) return Math.floor(s / 3600) + "h";
		return Math.floor(s / 86400) + "d";
	}

	function ages(root) {
		const now = Date.now();
		for (const t of root.querySelectorAll("time")) {
			const then = Date.parse(t.dateTime);
			if (isNaN(then)) continue;
			const text = age(now - then);
			if (t.textContent !== text) t.textContent = text;
			t.title = t.dateTime;
		}
	}

	function state(name, text) {
		live.className = name;
		if (live.textContent !== text) live.textContent = text;
	}

	/* What is read aloud: how many need somebody, and only when that has changed. */
	function trouble() {
		const b = document.querySelector(".tiles .bad b");
		return b ? b.textContent : "0";
	}
	let before = trouble();

	function tell() {
		const now = trouble();
		if (now === before) return;
		said.textContent = now === "0" ? "Nothing is in trouble any more."
			: now + " in trouble, before " + before + ".";
		before = now;
		document.title = now === "0" ? "barewire" : "(" + now + ") barewire";
	}

	function put(html) {
		const t = document.createElement("template");
		t.innerHTML = html;
		const fresh = t.content.firstElementChild;
		const old = fresh && document.getElementById(fresh.id);
		if (!old) return;
		const focus = document.activeElement;
		const href = focus && old.contains(focus) ? focus.getAttribute("href") : null;
		ages(t.content);
		old.replaceWith(fresh);
		if (fresh.tagName === "TR" || fresh.tagName === "LI") {
			fresh.classList.add("fresh");
			setTimeout(function () { fresh.classList.remove("fresh"); }, 2000);
		}
		/* Whoever is at a link with the keyboard stays there. */
		if (href !== null)
			for (const a of fresh.querySelectorAll("a"))
				if (a.getAttribute("href") === href) { a.focus({ preventScroll: true }); break; }
	}

	function open() {
		const query = new URLSearchParams(location.search);
		query.set("at", at);
		source = new EventSource("events?" + query);
		source.onopen = function () {
			tries = 0;
			last = Date.now();
			state("on", "Live");
		};
		source.addEventListener("parts", function (e) {
			last = Date.now();
			if (e.lastEventId) at = e.lastEventId;
			for (const line of e.data.split("\n")) if (line) put(line);
			state("on", "Live");
			tell();
		});
		source.onerror = function () {
			state("lost", "Not live: shown is what was at " + new Date(last).toLocaleTimeString());
			if (source.readyState !== EventSource.CLOSED) return; /* it tries by itself */
			source.close();
			tries = Math.min(tries + 1, 6);
			setTimeout(open, 5000 * tries);
		};
	}

	ages(document);
	setInterval(function () { if (!document.hidden) ages(document); }, 1000);
	if (trouble() !== "0") document.title = "(" + trouble() + ") barewire";
	state("", "Connecting");
	open();
	window.addEventListener("pagehide", function () { if (source) source.close(); });
	window.addEventListener("pageshow", function (e) { if (e.persisted) open(); });
})();
