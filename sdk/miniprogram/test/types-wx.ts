// What a mini-program with WeChat's own types must be able to write.
import { createAuth, Answer, AuthError, Platform, RequestOptions } from '../index'
import { scan, Scan } from '../scan'

const platform: Platform = wx
const auth = createAuth({ issuer: 'https://login.example.com', clientId: 'mini', platform: wx })

// The options, callbacks and answers are those of wx.request.
const options: WechatMiniprogram.RequestOption = { url: 'https://api.example.com/orders', header: { 'X-Attempt': 1 }, timeout: 5000 }
auth.request(options)
auth.request({
  ...options,
  method: 'POST',
  success: (result: WechatMiniprogram.RequestSuccessCallbackResult) => result.cookies[0],
  fail: (err: WechatMiniprogram.RequestFailCallbackErr) => err.errno,
  complete: (result: WechatMiniprogram.GeneralCallbackResult) => result.errMsg,
})
auth.request({ url: options.url, success: ({ statusCode }) => statusCode.toFixed(), fail: ({ code, errno }) => [code, errno], complete: ({ errMsg }) => errMsg.length })
// @ts-expect-error: there is no such rule
auth.request({ url: options.url, replay: 'invalid_request' })

const request: (options: WechatMiniprogram.RequestOption) => Promise<WechatMiniprogram.RequestSuccessCallbackResult> = auth.request
const own: RequestOptions = options

interface Orders { ids: number[] }
auth.request<Orders>({ url: options.url, success: ({ data }) => data.ids.length }).then(({ data }) => data.ids[0].toFixed())
const answer = async (): Promise<WechatMiniprogram.RequestSuccessCallbackResult<{ ids: number[] }>> => auth.request<{ ids: number[] }>(options)
const same = (result: WechatMiniprogram.RequestSuccessCallbackResult): Answer => result

let found: Scan
Page({
  async onLoad(options) {
    found = await scan(auth, options)
    this.setData({ screen: found.screen })
  },
  choose({ currentTarget }: WechatMiniprogram.TouchEvent) {
    return found.approve(currentTarget.dataset.number)
  },
  phone({ detail }: WechatMiniprogram.ButtonGetPhoneNumber) {
    return auth.bindPhone(detail.code).catch((err: AuthError) => wx.showToast({ title: err.message, icon: 'none' }))
  },
  failed: (err: AuthError): WechatMiniprogram.GeneralCallbackResult => err,
})

export { platform, request, own, answer, same }
