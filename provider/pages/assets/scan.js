const {wait, here} = document.getElementById('scan').dataset;
let asked;
async function ask() {
  for (let failures = 0; failures < 10;) {
    asked = new AbortController();
    try {
      const answer = await fetch(wait, {cache: 'no-store', redirect: 'error', signal: asked.signal});
      if (answer.status === 204) {
        failures = 0; // nothing has changed
        continue;
      }
      if (answer.ok) break;
      failures++;
    } catch {
      if (asked.signal.aborted) continue;
      failures++; // the network may come back
    }
    await new Promise(resolve => setTimeout(resolve, 2000));
  }
  location.replace(here);
}
// A phone that opens WeChat may close this page, and loads one that was posted again only if its user agrees.
history.replaceState(null, '', here);
// While WeChat is open on the same phone, the connection may end unnoticed.
document.addEventListener('visibilitychange', () => document.hidden || asked.abort());
ask();
