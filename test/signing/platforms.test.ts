import { describePlatform } from './platforms.ts'

describePlatform('Node')
