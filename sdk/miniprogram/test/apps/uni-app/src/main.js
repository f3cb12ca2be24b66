import { createSSRApp } from 'vue';
import { createAuth } from '@lingpai/miniprogram';
import { scan } from '@lingpai/miniprogram/scan';
import App from './App.vue';

const auth = createAuth({ issuer: 'https://login.test', clientId: 'mini', platform: uni, language: 'en' });
auth.request({ url: 'https://api.test/orders' })
  .then(({ statusCode }) => auth.user().then(({ sub }) => console.log('answer', statusCode, sub)))
  .then(() => scan(auth, { q: 'https://login.test/orders' }))
  .catch(err => console.log('failed', err.code, err.message));

export const createApp = () => ({ app: createSSRApp(App) });
