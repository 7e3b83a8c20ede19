import { describeCrashes } from './arena/crash-matrix.ts'

describeCrashes('binary')
