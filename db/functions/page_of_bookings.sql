-- Reads one page of bookings by a condition, newest first, and counts what matches.
--
-- The condition is text of ours with $1 to $8 for the values, so that each combination of filters
-- has a plan of its own and no value is ever part of a statement.
create or replace function hubspot_sync.page_of_bookings(
  p_condition text,
  p_page integer,
  p_page_size integer,
  variadic p_values text[]
)
  returns api.booking_page
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_counted constant integer := 10000;
  v_size integer := coalesce(p_page_size, 50);
  v_number integer := coalesce(p_page, 1);
  v_from bigint;
  v_page api.booking_page;
begin
  if v_size not between 1 and 200 then
    raise exception 'page size % is not between 1 and 200', v_size
      using errcode = '22023', hint = 'Leave p_page_size out for 50.';
  end if;
  v_from := (v_number::bigint - 1) * v_size;
  if v_number < 1 or v_from >= c_counted then
    raise exception 'page % is not between 1 and %', v_number, (c_counted + v_size - 1) / v_size
      using errcode = '22023', hint = 'Pages begin at 1; narrow the filters instead of paging far.';
  end if;
  execute format(
    'select count(*) from (select from hubspot_sync.hubspot_bookings b where %s limit %s) f',
    p_condition, c_counted + 1)
    into v_page.total
    using p_values[1], p_values[2], p_values[3], p_values[4], p_values[5], p_values[6],
          p_values[7], p_values[8];
  -- Few bookings are all found by the filters and then sorted («offset 0»): those of an old exam
  -- lie far down the list of all, and the planner does not know that.
  execute format(
    'select coalesce(array_agg(hubspot_sync.booking_answer(p, null)'
    '                          order by p.created_at desc nulls last, p.id), %L)'
    '  from hubspot_sync.hubspot_bookings p'
    ' where p.id = any (array('
    '   select f.id'
    '     from (select b.id, b.created_at from hubspot_sync.hubspot_bookings b where %s %s) f'
    '    order by f.created_at desc nulls last, f.id limit %s offset %s))',
    '{}', p_condition, case when v_page.total <= c_counted then 'offset 0' end, v_size, v_from)
    into v_page.bookings
    using p_values[1], p_values[2], p_values[3], p_values[4], p_values[5], p_values[6],
          p_values[7], p_values[8];
  v_page.total_is_capped := v_page.total > c_counted;
  v_page.total := least(v_page.total, c_counted);
  v_page.page := v_number;
  v_page.page_size := v_size;
  v_page.has_more := v_from + v_size < v_page.total;
  return v_page;
end;
$$;

comment on function hubspot_sync.page_of_bookings(text, integer, integer, text[]) is
  'A page of the bookings b for which p_condition holds, with p_values for its $1 to $8. '
  'p_page: from 1, within the first 10,000 bookings; p_page_size: 1 to 200, 50 when null. '
  'Raises 22023 (page or size out of bounds).';
revoke execute on function hubspot_sync.page_of_bookings(text, integer, integer, text[])
  from public, anon, authenticated;
