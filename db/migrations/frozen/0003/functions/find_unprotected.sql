-- Names what is unprotected in any schema of the database.
create or replace function api.find_unprotected()
  returns setof api.unprotected_object
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform hubspot_sync.require_administrator();
  return query
    select u.* from hubspot_sync.unprotected() u;
end;
$$;

comment on function api.find_unprotected() is
  'Every table, view, materialized view, foreign table and function, in every schema but the '
  'system''s own and those of the setting platform_schemas, that clients could reach past row '
  'level security: a table whose row level security is off, a view with its owner''s rights or '
  'without row level security that clients may read, a function that anon or everybody may run, '
  'or one with its owner''s rights whose search_path its caller chooses. No rows: nothing is. '
  'What extensions bring is left out. Raises 42501 (not allowed).';
revoke execute on function api.find_unprotected() from public, anon, authenticated;
grant execute on function api.find_unprotected() to authenticated, service_role;
