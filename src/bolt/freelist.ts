/*
 * The page, mostly of several, that lists those that are not in use.
 *
 *   freelist = header id:u64{count}                      flags 0x10
 *            | header real:u64 id:u64{real}              where count is 0xffff
 *
 * The ids ascend. With the pages of all buckets they make up every page of the file, less those that
 * bbolt leaked.
 */
import { PAGE_HEADER_BYTES, type PageHeader } from "./page.ts";
import type { Pages } from "./pages.ts";

const FREELIST = 0x10;
const MANY = 0xffff;
const ID_BYTES = 8;
/** Ids that are read at once. */
const IDS = 4096;

/** Takes the free pages out of those that may be met. @returns whether the file has a list of them */
export async function takeFreePages(pages: Pages): Promise<boolean> {
  const { meta } = pages;
  if (meta.freelist === undefined) return false;
  const header = await pages.take(meta.freelist, `the meta on page ${meta.page}`);
  if (header.flags !== FREELIST)
    throw pages.damaged(header.id, `its flags are ${header.flags}, and those of the free pages' list are 16`);
  const { from, count } = await extent(pages, header);
  let last = 1;
  for (let done = 0; done < count; done += IDS) {
    const size = Math.min(IDS, count - done) * ID_BYTES;
    const bytes = await pages.source.read(from + done * ID_BYTES, size, header.id);
    const view = new DataView(bytes.buffer, bytes.byteOffset, size);
    for (let at = 0; at < size; at += ID_BYTES) {
      const id = Number(view.getBigUint64(at, true));
      if (id <= last) throw pages.damaged(header.id, `it lists page ${id} after page ${last}`);
      pages.free(id, header.id);
      last = id;
    }
  }
  return true;
}

async function extent(pages: Pages, header: PageHeader): Promise<{ from: number; count: number }> {
  const { pageSize } = pages.meta;
  const start = header.id * pageSize + PAGE_HEADER_BYTES;
  const end = (header.id + header.overflow + 1) * pageSize;
  let { count } = header;
  let from = start;
  if (count === MANY) {
    const bytes = await pages.source.read(start, ID_BYTES, header.id);
    count = Number(new DataView(bytes.buffer, bytes.byteOffset, ID_BYTES).getBigUint64(0, true));
    from += ID_BYTES;
    if (count < MANY) throw pages.damaged(header.id, `it gives its ${count} pages like a long list`);
  }
  if (from + count * ID_BYTES > end)
    throw pages.damaged(header.id, `its ${count} free pages do not fit in it`);
  return { from, count };
}
