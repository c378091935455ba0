-- Where an import goes on, or begins: an unfinished one after its last page, a finished one anew.
create or replace function hubspot_sync.begin_import(p_restart boolean default false)
  returns table (
    table_name text,
    after text,
    done boolean,
    pages integer,
    read integer,
    applied integer,
    refused integer,
    started_at timestamptz
  )
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_tables constant text[] := array[
    'hubspot_mock_exams', 'hubspot_contact_credits', 'hubspot_bookings'];
begin
  if p_restart
     or 3 = (select count(*)
               from hubspot_sync.sync_status s
              where s.task in (select 'import ' || t.name from unnest(c_tables) t (name))
                and s.state @> '{"done": true}') then
    delete from hubspot_sync.sync_status s
     where s.task in (select 'import ' || t.name from unnest(c_tables) t (name));
  end if;
  insert into hubspot_sync.sync_status (task, last_run_at, state)
  select 'import ' || t.name, hubspot_sync.clock(),
         jsonb_build_object('done', false, 'pages', 0, 'read', 0, 'applied', 0, 'refused', 0,
                            'started_at', hubspot_sync.clock())
    from unnest(c_tables) t (name)
  on conflict (task) do nothing;
  return query
    select t.name, s.state ->> 'after', (s.state ->> 'done')::boolean,
           (s.state ->> 'pages')::integer, (s.state ->> 'read')::integer,
           (s.state ->> 'applied')::integer, (s.state ->> 'refused')::integer,
           (s.state ->> 'started_at')::timestamptz
      from unnest(c_tables) with ordinality t (name, place)
      join hubspot_sync.sync_status s on s.task = 'import ' || t.name
     order by t.place;
end;
$$;

comment on function hubspot_sync.begin_import(boolean) is
  'Each table''s place in the import, in the order they are imported: after is the cursor of the '
  'next page (null: the first), done that none is left; pages and records read so far, applied, '
  'refused. p_restart begins an unfinished one anew.';
revoke execute on function hubspot_sync.begin_import(boolean) from public, anon, authenticated;
grant execute on function hubspot_sync.begin_import(boolean) to service_role;
