import { DatabaseError } from "../../errors.ts";
import { checkOptions, show } from "../../store/options.ts";
import { id, parseIp } from "../common/fields.ts";

/** One end of a flow: a node, or an address. An address that a node of the tenant has is that node. */
export type FlowEnd =
  | { readonly nodeId: string; readonly ipAddress?: undefined }
  | { readonly ipAddress: string; readonly nodeId?: undefined };

/** What is to be decided. */
export interface Flow {
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  readonly protocol: "tcp" | "udp" | "icmp";
  /** The destination's, from 0 to 65535. Rules that name ports match no flow without one; ICMP has none. */
  readonly port?: number | undefined;
}

const PROTOCOLS = ["tcp", "udp", "icmp"];
const MAX_PORT = 65_535;

/** @returns a copy: what the caller does to the flow later does not matter @throws DatabaseError `OPTION_INVALID` */
export function checkFlow(given: Flow): Flow {
  checkOptions(given ?? null, ["source", "destination", "protocol", "port"], "decide()");
  const source = checkEnd(given.source, "source");
  const destination = checkEnd(given.destination, "destination");
  const { protocol, port } = given;
  if (!PROTOCOLS.includes(protocol))
    throw invalid(`The protocol of a flow is ${show(protocol)}. Pass one of ${PROTOCOLS.join(", ")}.`);
  if (port !== undefined && protocol === "icmp") throw invalid("A flow of ICMP has no port. Leave it out.");
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= MAX_PORT))
    throw invalid(`The port of a flow is ${show(port)}. Pass an integer from 0 to ${MAX_PORT}.`);
  return { source, destination, protocol, port };
}

function checkEnd(given: FlowEnd, of: string): FlowEnd {
  checkOptions(given ?? null, ["nodeId", "ipAddress"], `The ${of} of a flow`);
  const { nodeId, ipAddress } = given;
  if (nodeId !== undefined && ipAddress === undefined) {
    if (id.safeParse(nodeId).success) return { nodeId };
    throw invalid(`The ${of} of a flow has the nodeId ${show(nodeId)}. Pass the id of a node.`);
  }
  if (ipAddress !== undefined && nodeId === undefined) {
    if (parseIp(ipAddress) !== undefined) return { ipAddress };
    throw invalid(
      `The ${of} of a flow has the ipAddress ${show(ipAddress)}. Pass an IPv4 or IPv6 address, without a zone.`,
    );
  }
  throw invalid(`The ${of} of a flow is a node or an address. Pass either nodeId or ipAddress.`);
}

function invalid(message: string): DatabaseError {
  return new DatabaseError("OPTION_INVALID", message);
}
