import Taro from '@tarojs/taro';
import { createAuth } from '@lingpai/miniprogram';

const auth = createAuth({ issuer: 'https://login.test', clientId: 'mini', platform: Taro, language: 'en' });
auth.request({ url: 'https://api.test/orders' })
  .then(({ statusCode }) => auth.user().then(({ sub }) => console.log('answer', statusCode, sub)))
  .catch(err => console.log('failed', err.code, err.message));

export default function App({ children }: { children?: unknown }) { return children; }
