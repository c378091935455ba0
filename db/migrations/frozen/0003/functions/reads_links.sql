-- Which signals ask for a booking's links as well: they are calls of their own, and nothing of the
-- record itself tells that one has changed.
create or replace function hubspot_sync.reads_links(p_table text, p_kind text)
  returns boolean
  language sql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
  select p_table = 'hubspot_bookings'
     and p_kind in ('associationChange', 'creation', 'restore', 'merge', 'reconcile', 'demand',
                    'missing');
$$;

comment on function hubspot_sync.reads_links(text, text) is
  'Whether a signal of this kind is answered only by a read of the record and its links.';
revoke execute on function hubspot_sync.reads_links(text, text) from public, anon, authenticated;
