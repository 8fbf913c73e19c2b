import { describePlatform } from './platforms.ts'

describePlatform('workerd')
