-- Refuses to truncate a table whose seats, ledger, audit and outbox follow row by row.
create or replace function hubspot_sync.refuse_truncate()
  returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'table % cannot be truncated', tg_table_name
    using errcode = 'MBAPP', hint = 'Delete its rows: seats, audit and outbox follow each of them.';
end;
$$;

comment on function hubspot_sync.refuse_truncate() is
  'Trigger: raises MBAPP on truncate.';
revoke execute on function hubspot_sync.refuse_truncate() from public, anon, authenticated;
