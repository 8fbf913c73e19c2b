/**
 * Alibaba Cloud, APIs in RPC style (signature version 1.0): HMAC-SHA1 with `<secret>&`, base64, of the method
 * and the sorted query, in which everything travels. The address differs by product
 * (`https://ecs.aliyuncs.com`), so the configuration names it.
 *
 * Keys: `<AccessKeyId>:<AccessKeySecret>`
 * Source: https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism
 */
import { entryWithoutUrl } from './entry.ts'

export const alibabaCloud = entryWithoutUrl({
  sign: {
    scheme: 'hmac',
    algorithm: 'sha1',
    keySuffix: '&',
    string: [
      { part: 'method' },
      '&',
      { part: 'path', encode: 'percent' },
      '&',
      { part: 'query', order: 'sorted', encode: 'percent' },
      { part: 'no-body' },
    ],
    signatureEncoding: 'base64',
    query: {
      AccessKeyId: [{ part: 'key-id' }],
      SignatureMethod: ['HMAC-SHA1'],
      SignatureNonce: [{ part: 'nonce' }],
      SignatureVersion: ['1.0'],
      Timestamp: [{ part: 'timestamp', as: 'iso-seconds' }],
      Signature: [{ part: 'signature' }],
    },
  },
  routes: { 'GET|POST /': 'action:call' },
})
