const {wait, here} = document.getElementById('scan').dataset;
async function ask() {
  for (let failures = 0; failures < 10;) {
    try {
      const answer = await fetch(wait, {cache: 'no-store', redirect: 'error'});
      if (answer.status === 204) {
        failures = 0; // nothing has changed
        continue;
      }
      if (answer.ok) break;
      failures++;
    } catch {
      failures++; // the network may come back
    }
    await new Promise(resolve => setTimeout(resolve, 2000));
  }
  location.replace(here);
}
ask();
