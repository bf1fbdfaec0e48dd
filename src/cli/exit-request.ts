/** Ends the command line with a status that is not an error to be explained: the command has said what there is to say. */
export class ExitRequest extends Error {
  readonly status: number

  constructor(status: number) {
    super(`exit status ${status}`)
    this.status = status
  }
}
