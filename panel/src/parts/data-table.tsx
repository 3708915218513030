/** A table that sorts; on a phone, columns marked `wide` stay away. A row's first cell is its link. */
import {
  type ColumnDef,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_basic,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { type ReactNode, useMemo } from "react";
import { useI18n } from "../i18n/i18n.tsx";

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, basic: sortFn_basic },
});

export interface Column<T> {
  readonly id: string;
  readonly title: ReactNode;
  readonly cell: (row: T) => ReactNode;
  /** What it is sorted by; without it, it isn't. */
  readonly by?: (row: T) => string | number;
  /** Only where there is room. */
  readonly wide?: boolean;
  /** Numbers stand at the end of their column. */
  readonly end?: boolean;
}

interface Props<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly empty: ReactNode;
  /** Whether rows lead somewhere: their cells then have a link. */
  readonly links?: boolean;
}

export function DataTable<T extends object>({ label, columns, rows, keyOf, empty, links = false }: Props<T>) {
  const { t } = useI18n();
  const defs = useMemo(
    () =>
      columns.map(
        ({ id, by }): ColumnDef<typeof features, T> => ({
          id,
          accessorFn: (row) => by?.(row) ?? "",
          enableSorting: by !== undefined,
          sortFn: "alphanumeric",
        }),
      ),
    [columns],
  );
  const table = useTable({ features, columns: defs, data: rows, getRowId: keyOf });
  if (rows.length === 0) return <>{empty}</>;
  const headers = table.getHeaderGroups()[0]?.headers ?? [];
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label={label}>
      <table className="table">
        <thead>
          <tr>
            {columns.map(({ id, title, wide, end, by }) => {
              const column = headers.find((header) => header.column.id === id)?.column;
              const sorted = column?.getIsSorted();
              return (
                <th
                  key={id}
                  scope="col"
                  data-wide={wide === true || undefined}
                  data-end={end === true || undefined}
                  aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : undefined}
                >
                  {by === undefined ? (
                    title
                  ) : (
                    <button type="button" className="sort" onClick={() => column?.toggleSorting()} title={t("table.sort")}>
                      {title}
                      <span aria-hidden="true">{sorted === "asc" ? " ↑" : sorted === "desc" ? " ↓" : ""}</span>
                    </button>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {table.getRowModel().rows.map(({ id, original }) => (
            <tr key={id} data-link={links || undefined}>
              {columns.map((column) => (
                <td key={column.id} data-wide={column.wide === true || undefined} data-end={column.end === true || undefined}>
                  {column.cell(original)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
