import { createHash, createHmac } from 'node:crypto'
import type { KeyBindings, UpstreamDefinition } from '../../src/upstreams/definition.ts'
import * as catalogue from '../../src/upstreams/index.ts'

export type CatalogueName = keyof typeof catalogue

const keys = { live: 'API_LIVE', test: 'API_TEST' } as const satisfies KeyBindings
const url = 'https://upstream.example.com'

/** Every entry with the least that it takes; an entry that is missing here does not compile. */
export const definitions: Readonly<Record<CatalogueName, UpstreamDefinition>> = {
  alibabaCloud: catalogue.alibabaCloud({ keys, url: 'https://ecs.aliyuncs.com' }),
  appStoreConnect: catalogue.appStoreConnect({ keys }),
  binance: catalogue.binance({ keys }),
  bybit: catalogue.bybit({ keys }),
  coinbaseCdp: catalogue.coinbaseCdp({ keys }),
  coinbaseExchange: catalogue.coinbaseExchange({ keys }),
  gate: catalogue.gate({ keys }),
  githubWebhook: catalogue.githubWebhook({ keys, url }),
  googleCloud: catalogue.googleCloud({ keys, url: 'https://storage.googleapis.com' }),
  kraken: catalogue.kraken({ keys }),
  okx: catalogue.okx({ keys }),
  onepin: catalogue.onepin({ keys }),
  plexicus: catalogue.plexicus({ keys, url }),
  pluggedin: catalogue.pluggedin({ keys }),
  plugipay: catalogue.plugipay({ keys }),
  pusher: catalogue.pusher({ keys, url: 'https://api.pusherapp.com' }),
  shopifyWebhook: catalogue.shopifyWebhook({ keys, url }),
  slackWebhook: catalogue.slackWebhook({ keys, url }),
  stripeWebhook: catalogue.stripeWebhook({ keys, url }),
  twilioWebhook: catalogue.twilioWebhook({ keys, url }),
}

export interface RecipeVector {
  /** Where the expected values come from: the API's own documentation, or a recomputation by node:crypto here. */
  readonly from: 'published' | 'recomputed'
  readonly secret: string
  readonly now: number
  readonly nonce?: string
  readonly method?: string
  readonly path?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Headers that must be set, exactly. */
  readonly set?: readonly (readonly [name: string, value: string])[]
  /** Query parameters that must be added, exactly. */
  readonly added?: readonly (readonly [name: string, value: string])[]
}

const mac = (algorithm: string, key: string | Buffer, text: string, encoding: 'hex' | 'base64') =>
  createHmac(algorithm, key).update(text).digest(encoding)

const order = '{"symbol":"BTC-USD","side":"buy"}'
const decoded = Buffer.from('bWFkZS11cA==', 'base64')

/** One for each recipe, beside those of the schemes themselves. */
export const recipeVectors: Readonly<Partial<Record<CatalogueName, readonly RecipeVector[]>>> = {
  alibabaCloud: [
    {
      from: 'published',
      secret: 'testid:testsecret',
      now: Date.UTC(2016, 1, 23, 12, 46, 24),
      nonce: '3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf',
      query: '?Format=XML&Action=DescribeRegions&Version=2014-05-26',
      added: [
        ['AccessKeyId', 'testid'],
        ['SignatureMethod', 'HMAC-SHA1'],
        ['SignatureNonce', '3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf'],
        ['SignatureVersion', '1.0'],
        ['Timestamp', '2016-02-23T12%3A46%3A24Z'],
        ['Signature', encodeURIComponent('OLeaidS1JvxuMvnyHOwuJ+uX5qY=')],
      ],
    },
  ],
  binance: [
    {
      from: 'published',
      secret:
        'vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A:NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j',
      now: 1_499_827_319_559,
      method: 'POST',
      path: '/api/v3/order',
      query: '?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000',
      set: [['x-mbx-apikey', 'vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A']],
      added: [
        ['timestamp', '1499827319559'],
        ['signature', 'c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71'],
      ],
    },
  ],
  bybit: [
    {
      from: 'recomputed',
      secret: 'key:made-up',
      now: 1_658_384_431_891,
      path: '/v5/order/realtime',
      query: '?category=option&symbol=BTC-29JUL22-25000-C',
      set: [
        ['x-bapi-api-key', 'key'],
        ['x-bapi-timestamp', '1658384431891'],
        ['x-bapi-recv-window', '5000'],
        [
          'x-bapi-sign',
          mac('sha256', 'made-up', '1658384431891key5000category=option&symbol=BTC-29JUL22-25000-C', 'hex'),
        ],
      ],
    },
    {
      from: 'recomputed',
      secret: 'key:made-up',
      now: 1_658_385_579_423,
      method: 'POST',
      path: '/v5/order/create',
      body: order,
      set: [
        ['x-bapi-api-key', 'key'],
        ['x-bapi-timestamp', '1658385579423'],
        ['x-bapi-recv-window', '5000'],
        ['x-bapi-sign', mac('sha256', 'made-up', `1658385579423key5000${order}`, 'hex')],
      ],
    },
  ],
  coinbaseExchange: [
    {
      from: 'recomputed',
      secret: 'key:bWFkZS11cA==:phrase',
      now: 1_700_000_000_000,
      method: 'POST',
      path: '/orders',
      query: '?a=1',
      body: order,
      set: [
        ['cb-access-key', 'key'],
        ['cb-access-sign', mac('sha256', decoded, `1700000000POST/orders?a=1${order}`, 'base64')],
        ['cb-access-timestamp', '1700000000'],
        ['cb-access-passphrase', 'phrase'],
      ],
    },
  ],
  gate: [
    {
      from: 'recomputed',
      secret: 'key:made-up',
      now: 1_700_000_000_000,
      path: '/api/v4/spot/orders',
      query: '?status=open&currency_pair=BTC_USDT',
      set: [
        ['key', 'key'],
        ['timestamp', '1700000000'],
        [
          'sign',
          mac(
            'sha512',
            'made-up',
            [
              'GET',
              '/api/v4/spot/orders',
              'status=open&currency_pair=BTC_USDT',
              createHash('sha512').digest('hex'),
              '1700000000',
            ].join('\n'),
            'hex',
          ),
        ],
      ],
    },
  ],
  githubWebhook: [
    {
      from: 'published',
      secret: "It's a Secret to Everybody",
      now: 0,
      method: 'POST',
      body: 'Hello, World!',
      set: [
        ['x-hub-signature-256', 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'],
      ],
    },
  ],
  kraken: [
    {
      from: 'published',
      secret: 'key:kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==',
      now: 0,
      method: 'POST',
      path: '/0/private/AddOrder',
      body: 'nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25',
      set: [
        ['api-key', 'key'],
        [
          'api-sign',
          '4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==',
        ],
      ],
    },
  ],
  okx: [
    {
      from: 'recomputed',
      secret: 'key:made-up:phrase',
      now: Date.UTC(2020, 11, 8, 9, 8, 57, 715),
      path: '/api/v5/account/balance',
      query: '?ccy=BTC',
      set: [
        ['ok-access-key', 'key'],
        [
          'ok-access-sign',
          mac('sha256', 'made-up', '2020-12-08T09:08:57.715ZGET/api/v5/account/balance?ccy=BTC', 'base64'),
        ],
        ['ok-access-timestamp', '2020-12-08T09:08:57.715Z'],
        ['ok-access-passphrase', 'phrase'],
      ],
    },
  ],
  pusher: [
    {
      from: 'published',
      secret: '278d425bdf160c739803:7ad3773142a6692b25b8',
      now: 1_353_088_179_000,
      method: 'POST',
      path: '/apps/3/events',
      body: '{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}',
      set: [],
      added: [
        ['auth_key', '278d425bdf160c739803'],
        ['auth_timestamp', '1353088179'],
        ['auth_version', '1.0'],
        ['body_md5', 'ec365a775a4cd0599faeb73354201b6f'],
        ['auth_signature', 'da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c'],
      ],
    },
  ],
  shopifyWebhook: [
    {
      from: 'recomputed',
      secret: 'made-up',
      now: 0,
      method: 'POST',
      body: order,
      set: [['x-shopify-hmac-sha256', mac('sha256', 'made-up', order, 'base64')]],
    },
  ],
  slackWebhook: [
    {
      from: 'published',
      secret: '8f742231b10e8888abcd99yyyzzz85a5',
      now: 1_531_420_618_000,
      method: 'POST',
      body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
      set: [
        ['x-slack-request-timestamp', '1531420618'],
        ['x-slack-signature', 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'],
      ],
    },
  ],
  stripeWebhook: [
    {
      from: 'recomputed',
      secret: 'whsec_made-up',
      now: 1_700_000_000_000,
      method: 'POST',
      body: order,
      set: [
        [
          'stripe-signature',
          `t=1700000000,v1=${mac('sha256', 'whsec_made-up', `1700000000.${order}`, 'hex')}`,
        ],
      ],
    },
  ],
  twilioWebhook: [
    {
      from: 'recomputed',
      secret: 'made-up',
      now: 0,
      method: 'POST',
      path: '/hook',
      query: '?foo=1',
      body: order,
      set: [
        [
          'x-twilio-signature',
          mac(
            'sha1',
            'made-up',
            `${url}/hook?foo=1&bodySHA256=${createHash('sha256').update(order).digest('hex')}`,
            'base64',
          ),
        ],
      ],
      added: [['bodySHA256', createHash('sha256').update(order).digest('hex')]],
    },
  ],
}
