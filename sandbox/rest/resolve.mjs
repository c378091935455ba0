// Lets a script that lies elsewhere import npm packages from the folder NPM_PACKAGES.
import { realpathSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

const packages = pathToFileURL(realpathSync(process.env.NPM_PACKAGES)).href
const isPackage = /^(?!node:|file:|[./])/

registerHooks({
  resolve(specifier, context, next) {
    const ours = !context.parentURL?.startsWith(packages) && isPackage.test(specifier)
    return next(specifier, ours ? { ...context, parentURL: `${packages}/` } : context)
  },
})
