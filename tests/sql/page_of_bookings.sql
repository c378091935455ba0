begin;
select plan(32);

-- The triggers would take long for ten thousand rows, and change nothing here.
set local session_replication_role = replica;
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, created_at)
select gen_random_uuid(), 'B-' || n, 'BK-' || n, 'E-' || n,
       case when n <= 7 then 'S-1' else 'S-2' end,
       'a@example.com', 'Active', '2030-01-01'::timestamptz + n * interval '1 minute'
  from generate_series(1, 10003) n;
update hubspot_sync.hubspot_bookings set created_at = null where booking_id = 'BK-7';
set local session_replication_role = origin;
create function pg_temp.page(p_condition text, p_page integer, p_size integer, p_value text)
  returns api.booking_page language sql as $$
  select hubspot_sync.page_of_bookings(p_condition, p_page, p_size, p_value)
$$;
create function pg_temp.ids(p_page api.booking_page) returns text language sql as $$
  select string_agg(b.booking_id, ' ' order by b.n)
    from unnest(p_page.bookings) with ordinality as b (id, booking_id, h, s, e, t, d, si, sn, se,
       tu,
                                                       a, al, dh, created_at, r, n)
$$;
select is(pg_temp.ids(pg_temp.page('b.student_id = $1', 1, 3, 'S-1')), 'BK-6 BK-5 BK-4',
          'the newest come first');
select is(pg_temp.ids(pg_temp.page('b.student_id = $1', 2, 3, 'S-1')), 'BK-3 BK-2 BK-1',
          'then the next');
select is(pg_temp.ids(pg_temp.page('b.student_id = $1', 3, 3, 'S-1')), 'BK-7',
          'and those of an unknown time last');
select row_eq(
  format('select total, total_is_capped, page, page_size, has_more
            from pg_temp.page(''b.student_id = $1'', %s, 3, ''S-1'')', p.page),
  row(7::bigint, false, p.page, 3, p.has_more), format('page %s of three knows the total', p.page))
  from (values (1, true), (2, true), (3, false), (4, false)) as p (page, has_more);
select is((pg_temp.page('b.student_id = $1', 4, 3, 'S-1')).bookings, '{}'::api.booking[],
          'a page behind the last is empty');
select row_eq(
  $$select total, cardinality(bookings), has_more
      from pg_temp.page('b.student_id = $1', 1, 50, 'S-9')$$,
  row(0::bigint, 0, false), 'where nothing matches the page is empty');
select row_eq(
  $$select total, total_is_capped, page, page_size, has_more
      from pg_temp.page('true', null, null, null)$$,
  row(10000::bigint, true, 1, 50, true), 'ten thousand are counted,
     and it says that there are more');
select row_eq(
  $$select has_more, cardinality(bookings) from pg_temp.page('true', 50, 200, null)$$,
  row(false, 200), 'pages reach as far as is counted');
select row_eq(
  $$select has_more, cardinality(bookings) from pg_temp.page('true', 10000, 1, null)$$,
  row(false, 1), 'also one by one');
create function pg_temp.refused(p_page integer, p_size integer, out code text, out hint text)
  language plpgsql as $$
begin
  perform pg_temp.page('true', p_page, p_size, null);
exception when others then
  code := sqlstate;
  get stacked diagnostics hint = pg_exception_hint;
end
$$;
select row_eq(
  format('select code, hint <> '''' from pg_temp.refused(%s, %s)', p.page, p.size),
  row('22023'::text, true), format('page %s of %s is refused', p.page, p.size))
  from (values
    ('-1', '50'), ('0', '50'), ('201', '50'), ('10001', '1'), ('1000000000', '50'),
    ('2147483647', '200'), ('-2147483648', '50'), ('-2147483648', '1'),
    ('1', '0'), ('1', '-1'), ('1', '201'), ('1', '1000000000'), ('1', '2147483647'),
    ('1', '-2147483648')) as p (page, size);
select is((pg_temp.page('b.student_id = $1', 1, 50, v)).total, 0::bigint,
          format('the value %s is a value', v))
  from unnest(array['S-1'' or true --', '%', '$2', '$$', '\', E'\x01']) v;

select * from finish();
rollback;
