-- Looks in every schema for what clients could read, change or run past the functions of api.
--
-- A table is unprotected when its row level security is off (the switch, not the policies), a
-- view when it runs with its owner's rights or cannot have row level security and a client may
-- read it, a function when everybody may run it or when it runs with its owner's rights and
-- whoever calls it chooses what its names mean. What extensions bring, and the schemas of the
-- platform (a setting), are their business.
create or replace function hubspot_sync.unprotected()
  returns setof api.unprotected_object
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    with roles as (
      -- PUBLIC is 0; a role that is missing can be granted nothing.
      select 0::oid as oid, 'everybody' as name
      union all
      select r.oid, r.rolname::text from pg_roles r where r.rolname in ('anon', 'authenticated')
    ), schemas as (
      select n.oid, n.nspname
        from pg_namespace n
       where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
         and n.nspname !~ '^pg_(toast_)?temp_'
         and n.nspname <> all (regexp_split_to_array(
               coalesce(hubspot_sync.setting('platform_schemas'), ''), '\s*,\s*'))
    ), relations as (
      select s.nspname::text as schema_name, c.relname::text as object_name, c.relkind,
             c.relrowsecurity, c.reloptions,
             (select string_agg(distinct r.name, ', ' order by r.name)
                from aclexplode(c.relacl) a
                join roles r on r.oid = a.grantee
               where a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'))
               as open_to
        from pg_class c
        join schemas s on s.oid = c.relnamespace
       where c.relkind in ('r', 'p', 'v', 'm', 'f')
         and not exists (select from pg_depend d
                          where d.classid = 'pg_class'::regclass and d.objid = c.oid
                            and d.deptype = 'e')
    ), functions as (
      select s.nspname::text as schema_name, p.oid::regprocedure::text as object_name, p.prosecdef,
             coalesce(p.proconfig, '{}') as proconfig,
             (select string_agg(distinct r.name, ', ' order by r.name)
                from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                join roles r on r.oid = a.grantee
               where r.name <> 'authenticated') as open_to,
             t.oid is not null as is_trigger
        from pg_proc p
        join schemas s on s.oid = p.pronamespace
        left join pg_type t on t.oid = p.prorettype and t.typname in ('trigger', 'event_trigger')
       where not exists (select from pg_depend d
                          where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                            and d.deptype = 'e')
    )
    select r.schema_name, r.object_name,
           case r.relkind when 'f' then 'foreign table' else 'table' end,
           concat_ws(', ',
             case when r.relkind <> 'f' then 'row level security is off'
               else 'a foreign table has no row level security' end,
             'granted to ' || r.open_to)
      from relations r
     where r.relkind in ('r', 'p') and not r.relrowsecurity
        or r.relkind = 'f' and r.open_to is not null
    union all
    select r.schema_name, r.object_name,
           case r.relkind when 'm' then 'materialized view' else 'view' end,
           case r.relkind
             when 'm' then 'has no row level security, granted to ' || r.open_to
             else 'runs with its owner''s rights, granted to ' || r.open_to
           end
      from relations r
     where r.open_to is not null
       and (r.relkind = 'm'
            or r.relkind = 'v'
           and not coalesce(r.reloptions, '{}')
                   && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1'])
    union all
    select f.schema_name, f.object_name, 'function',
           concat_ws(', ',
             case when not f.is_trigger then 'may be run by ' || f.open_to end,
             case when f.prosecdef
                       and not exists (select from unnest(f.proconfig) o (option)
                                        where o.option like 'search_path=%')
               then 'runs with its owner''s rights and the caller''s search_path' end)
      from functions f
     where f.open_to is not null and not f.is_trigger
        or f.prosecdef
       and not exists (select from unnest(f.proconfig) o (option)
                        where o.option like 'search_path=%')
     order by 1, 3, 2;
end;
$$;

comment on function hubspot_sync.unprotected() is
  'Every table, view, materialized view, foreign table and function outside the system''s own '
  'schemas and those of the setting platform_schemas that anon, authenticated or everybody '
  '(PUBLIC) could use past row level security or with another''s rights, and why.';
revoke execute on function hubspot_sync.unprotected() from public, anon, authenticated;
