-- Finds a mock type by its name, spelled as people do.
create or replace function hubspot_sync.find_mock_type(p_mock_type text)
  returns hubspot_sync.credit_types
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type hubspot_sync.credit_types;
begin
  select t.* into v_type
    from hubspot_sync.credit_types t
   where lower(t.mock_type) = lower(trim(p_mock_type));
  if v_type.mock_type is null then
    raise exception 'mock type % does not exist', coalesce(p_mock_type, 'null')
      using errcode = '22023',
            hint = 'One of: ' || (select string_agg(t.mock_type, ', ' order by t.mock_type)
                                    from hubspot_sync.credit_types t);
  end if;
  return v_type;
end;
$$;

comment on function hubspot_sync.find_mock_type(text) is
  'The row of credit_types of a mock type, whatever the case and the blanks around. Raises '
  '22023 for an unknown type, naming those there are.';
revoke execute on function hubspot_sync.find_mock_type(text) from public, anon, authenticated;
