import { btcpayUnderTest } from './btcpay.ts'
import { clnUnderTest } from './cln.ts'
import { lightningAddressUnderTest } from './lightning-address.ts'
import { lnbitsUnderTest } from './lnbits.ts'
import { lndUnderTest } from './lnd.ts'
import { nwcUnderTest } from './nwc.ts'
import { phoenixdUnderTest } from './phoenixd.ts'
import type { WalletUnderTest } from './subject.ts'

/** Every wallet that money can come through, with its fake. */
export const walletsUnderTest: readonly WalletUnderTest[] = [
  lndUnderTest,
  phoenixdUnderTest,
  clnUnderTest,
  nwcUnderTest,
  lightningAddressUnderTest,
  lnbitsUnderTest,
  btcpayUnderTest,
]
